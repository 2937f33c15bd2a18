#include "winograd2.body.h"
