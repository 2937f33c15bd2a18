#include "winograd4.body.h"
