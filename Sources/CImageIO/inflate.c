#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "cimageio.h"

uint32_t cimage_crc32(const uint8_t *bytes, size_t count) {
  return (uint32_t)crc32_z(crc32_z(0, NULL, 0), bytes, count);
}

/// Makes room for at least one more byte, within the limit. Returns 0 when there is none.
static int grow(cimage_buffer *output, size_t limit) {
  if (output->count < output->capacity) return 1;
  if (output->capacity >= limit) return 0;
  size_t capacity = output->capacity == 0 ? 1 << 14 : output->capacity * 2;
  if (capacity > limit) capacity = limit;
  uint8_t *grown = realloc(output->bytes, capacity);
  if (grown == NULL) return 0;
  output->bytes = grown;
  output->capacity = capacity;
  return 1;
}

int cimage_inflate(const uint8_t *bytes, size_t count, size_t limit, cimage_buffer *output) {
  *output = (cimage_buffer){NULL, 0, 0};
  if (count > UINT_MAX) return 1;
  z_stream stream;
  memset(&stream, 0, sizeof stream);
  if (inflateInit(&stream) != Z_OK) return 1;
  // zlib only reads the input; its structure predates const.
  stream.next_in = (Bytef *)(uintptr_t)bytes;
  stream.avail_in = (uInt)count;
  int status = Z_OK;
  while (status == Z_OK && grow(output, limit)) {
    size_t room = output->capacity - output->count;
    stream.next_out = output->bytes + output->count;
    stream.avail_out = room > UINT_MAX ? UINT_MAX : (uInt)room;
    uInt before = stream.avail_out;
    status = inflate(&stream, Z_NO_FLUSH);
    output->count += before - stream.avail_out;
  }
  inflateEnd(&stream);
  return status == Z_STREAM_END ? 0 : 1;
}
