#include "attention.body.h"
