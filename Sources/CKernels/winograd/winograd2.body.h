#include "../internal/vector.h"
#include "points_2.h"
#define WINOGRAD _2
#include "winograd.body.h"
