#include "../internal/vector.h"
#include "points_4.h"
#define WINOGRAD _4
#include "winograd.body.h"
