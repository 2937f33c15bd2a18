#include "message.h"

#include <stdio.h>
#include <stdlib.h>

#include "cimageio.h"

void set_message(char *message, const char *text) {
  snprintf(message, CIMAGE_MESSAGE_SIZE, "%s", text);
}

void cimage_buffer_free(cimage_buffer *buffer) {
  free(buffer->bytes);
  *buffer = (cimage_buffer){NULL, 0, 0};
}
