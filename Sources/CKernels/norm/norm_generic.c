#include "norm.body.h"
