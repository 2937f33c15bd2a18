#include "winograd6.body.h"
