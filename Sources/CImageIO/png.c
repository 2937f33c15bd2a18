#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "cimageio.h"
#include "message.h"

/// Where libpng is in the memory it reads.
typedef struct {
  const uint8_t *bytes;
  size_t count;
  size_t position;
} source;

/// One reading: libpng's structures, released by close_reader whatever happened.
typedef struct {
  png_structp png;
  png_infop info;
  source from;
} reader;

static void on_error(png_structp png, png_const_charp text) {
  set_message(png_get_error_ptr(png), text);
  png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void read_bytes(png_structp png, png_bytep destination, size_t count) {
  source *from = png_get_io_ptr(png);
  if (count > from->count - from->position) png_error(png, "the file is truncated");
  memcpy(destination, from->bytes + from->position, count);
  from->position += count;
}

/// Chunks that nothing here looks at are passed over without being unpacked or kept: libpng sets
/// aside whatever memory their lengths claim, and unpacks every text.
static void skip_chunks(png_structp png) {
  static const png_byte unwanted[] =
    "tEXt\0zTXt\0iTXt\0sPLT\0hIST\0pCAL\0sCAL\0oFFs\0eXIf\0tIME\0iCCP\0acTL\0fcTL\0fdAT";
  png_set_keep_unknown_chunks(
    png, PNG_HANDLE_CHUNK_NEVER, unwanted, (int)(sizeof unwanted / 5));
  png_set_chunk_cache_max(png, 64);
  png_set_chunk_malloc_max(png, 1 << 20);
}

static int open_reader(reader *reading, const uint8_t *bytes, size_t count, char *message) {
  reading->png = NULL;
  reading->info = NULL;
  reading->from = (source){bytes, count, 0};
  if (count < 8 || png_sig_cmp(bytes, 0, 8) != 0) {
    set_message(message, "not a PNG");
    return 1;
  }
  reading->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, message, on_error, on_warning);
  if (reading->png == NULL) {
    set_message(message, "libpng could not start");
    return 1;
  }
  reading->info = png_create_info_struct(reading->png);
  if (reading->info == NULL) {
    set_message(message, "libpng could not start");
    png_destroy_read_struct(&reading->png, NULL, NULL);
    return 1;
  }
  png_set_read_fn(reading->png, &reading->from, read_bytes);
  skip_chunks(reading->png);
  return 0;
}

static void close_reader(reader *reading) {
  png_destroy_read_struct(&reading->png, &reading->info, NULL);
}

static int has_transparency(png_structp png, png_infop info) {
  return (png_get_color_type(png, info) & PNG_COLOR_MASK_ALPHA) != 0
         || png_get_valid(png, info, PNG_INFO_tRNS) != 0;
}

int cimage_png_header(const uint8_t *bytes, size_t count, cimage_header *header, char *message) {
  reader reading;
  if (open_reader(&reading, bytes, count, message) != 0) return 1;
  if (setjmp(png_jmpbuf(reading.png)) != 0) {
    close_reader(&reading);
    return 1;
  }
  png_read_info(reading.png, reading.info);
  header->width = png_get_image_width(reading.png, reading.info);
  header->height = png_get_image_height(reading.png, reading.info);
  header->channels = has_transparency(reading.png, reading.info) ? 4 : 3;
  header->stored_row_bytes = png_get_rowbytes(reading.png, reading.info);
  close_reader(&reading);
  return 0;
}

/// Asks libpng for 8-bit RGB, or RGBA where there is transparency, whatever is stored.
static void request_rgb(png_structp png, png_infop info, uint32_t channels) {
  png_set_expand(png);
  // The high byte, as most readers take it.
  png_set_strip_16(png);
  png_set_gray_to_rgb(png);
  if (channels == 4) png_set_add_alpha(png, 0xff, PNG_FILLER_AFTER);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
}

int cimage_png_read(
  const uint8_t *bytes, size_t count, const cimage_header *header, uint8_t *pixels, char *message) {
  reader reading;
  if (open_reader(&reading, bytes, count, message) != 0) return 1;
  png_bytep *rows = malloc((size_t)header->height * sizeof(png_bytep));
  size_t row_bytes = (size_t)header->width * header->channels;
  if (rows == NULL) {
    set_message(message, "out of memory");
    close_reader(&reading);
    return 1;
  }
  for (uint32_t y = 0; y < header->height; y++) rows[y] = pixels + y * row_bytes;
  if (setjmp(png_jmpbuf(reading.png)) != 0) {
    free(rows);
    close_reader(&reading);
    return 1;
  }
  png_read_info(reading.png, reading.info);
  request_rgb(reading.png, reading.info, header->channels);
  if (png_get_image_width(reading.png, reading.info) != header->width
      || png_get_image_height(reading.png, reading.info) != header->height
      || png_get_rowbytes(reading.png, reading.info) != row_bytes)
    png_error(reading.png, "the header and the pixels disagree");
  png_read_image(reading.png, rows);
  png_read_end(reading.png, NULL);
  free(rows);
  close_reader(&reading);
  return 0;
}

static void write_bytes(png_structp png, png_bytep source_bytes, size_t count) {
  cimage_buffer *file = png_get_io_ptr(png);
  if (count > file->capacity - file->count) {
    size_t capacity = file->capacity == 0 ? 1 << 16 : file->capacity;
    while (capacity - file->count < count) capacity *= 2;
    uint8_t *grown = realloc(file->bytes, capacity);
    if (grown == NULL) png_error(png, "out of memory");
    file->bytes = grown;
    file->capacity = capacity;
  }
  memcpy(file->bytes + file->count, source_bytes, count);
  file->count += count;
}

static void flush_bytes(png_structp png) { (void)png; }

static void set_text(png_structp png, png_infop info, const char *keyword, const char *text) {
  png_text chunk;
  memset(&chunk, 0, sizeof chunk);
  chunk.compression = PNG_ITXT_COMPRESSION_zTXt;
  // libpng only reads these, its structure predates const.
  chunk.key = (png_charp)(uintptr_t)keyword;
  chunk.text = (png_charp)(uintptr_t)text;
  chunk.itxt_length = strlen(text);
  chunk.lang = (png_charp)(uintptr_t) "";
  chunk.lang_key = (png_charp)(uintptr_t) "";
  png_set_text(png, info, &chunk, 1);
}

int cimage_png_write(
  const uint8_t *rgb, const cimage_header *header, const char *keyword, const char *text,
  cimage_buffer *file, char *message) {
  *file = (cimage_buffer){NULL, 0, 0};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, message, on_error, on_warning);
  if (png == NULL) {
    set_message(message, "libpng could not start");
    return 1;
  }
  png_infop info = png_create_info_struct(png);
  if (info == NULL) {
    set_message(message, "libpng could not start");
    png_destroy_write_struct(&png, NULL);
    return 1;
  }
  if (setjmp(png_jmpbuf(png)) != 0) {
    png_destroy_write_struct(&png, &info);
    cimage_buffer_free(file);
    return 1;
  }
  png_set_write_fn(png, file, write_bytes, flush_bytes);
  png_set_IHDR(
    png, info, header->width, header->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
    PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (text != NULL) set_text(png, info, keyword, text);
  png_write_info(png, info);
  size_t row_bytes = (size_t)header->width * 3;
  for (uint32_t y = 0; y < header->height; y++) png_write_row(png, rgb + y * row_bytes);
  png_write_end(png, NULL);
  png_destroy_write_struct(&png, &info);
  return 0;
}
