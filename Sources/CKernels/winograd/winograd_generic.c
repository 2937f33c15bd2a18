#include "winograd.body.h"
