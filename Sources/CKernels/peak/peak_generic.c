#include "peak.body.h"
