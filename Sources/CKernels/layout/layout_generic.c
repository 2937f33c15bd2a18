#include "layout.body.h"
