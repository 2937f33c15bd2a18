// Reading and writing pictures with libpng and libjpeg, whose errors arrive by longjmp.
// Everything that jumps stays inside this C target: Swift sees plain functions that return 0 for
// success, or 1 with a message. Pictures are read from memory and written to memory.
#ifndef CIMAGEIO_H
#define CIMAGEIO_H

#include <stddef.h>
#include <stdint.h>

/// Room for an error message, with its final zero.
#define CIMAGE_MESSAGE_SIZE 256

/// What a picture's header says.
typedef struct {
  uint32_t width;
  uint32_t height;
  /// 3, or 4 where the file has transparency: the interleaved 8-bit channels a read delivers.
  uint32_t channels;
  /// Bytes of one stored, uncompressed row (PNG only).
  uint64_t stored_row_bytes;
} cimage_header;

/// A growing block of memory; release it with cimage_buffer_free.
typedef struct {
  uint8_t *bytes;
  size_t count;
  size_t capacity;
} cimage_buffer;

void cimage_buffer_free(cimage_buffer *buffer);

/// Reads the header of a PNG of any bit depth and colour type.
int cimage_png_header(const uint8_t *bytes, size_t count, cimage_header *header, char *message);

/// Reads the pixels of a PNG into `pixels`, which holds width * height * channels bytes of `header`.
int cimage_png_read(
  const uint8_t *bytes, size_t count, const cimage_header *header, uint8_t *pixels, char *message);

/// The CRC-32 of bytes, as PNG and zip files use it.
uint32_t cimage_crc32(const uint8_t *bytes, size_t count);

/// Unpacks a zlib stream of at most `limit` unpacked bytes. Returns 1 when it is damaged or longer.
int cimage_inflate(const uint8_t *bytes, size_t count, size_t limit, cimage_buffer *output);

/// Writes 8-bit RGB pixels as a PNG; `text` (UTF-8, zero-terminated, may be null) goes into a
/// compressed iTXt chunk under `keyword`.
int cimage_png_write(
  const uint8_t *rgb, const cimage_header *header, const char *keyword, const char *text,
  cimage_buffer *file, char *message);

/// Reads the header of a JPEG; refuses colour spaces other than grey and YCbCr/RGB.
int cimage_jpeg_header(const uint8_t *bytes, size_t count, cimage_header *header, char *message);

/// Reads the pixels of a JPEG as RGB into `pixels`, which holds width * height * 3 bytes.
int cimage_jpeg_read(
  const uint8_t *bytes, size_t count, const cimage_header *header, uint8_t *pixels, char *message);

#endif
