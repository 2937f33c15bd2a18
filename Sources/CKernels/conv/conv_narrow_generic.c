#include "conv_narrow.body.h"
