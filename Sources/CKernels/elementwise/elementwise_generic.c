#include "elementwise.body.h"
