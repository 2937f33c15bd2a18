#include "../internal/vector.h"
#include "points_6.h"
#define WINOGRAD _6
#include "winograd.body.h"
