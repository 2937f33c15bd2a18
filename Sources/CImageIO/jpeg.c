#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "cimageio.h"
#include "message.h"

/// libjpeg's error handling with the place to jump to and the caller's message.
typedef struct {
  struct jpeg_error_mgr base;
  jmp_buf escape;
  char *message;
} error_state;

static void on_error(j_common_ptr info) {
  error_state *state = (error_state *)info->err;
  char text[JMSG_LENGTH_MAX];
  info->err->format_message(info, text);
  set_message(state->message, text);
  longjmp(state->escape, 1);
}

/// Warnings that say that pixels are missing are errors; libjpeg would go on with grey. Others, such as
/// an unknown version number, are of no consequence.
static void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_JPEG_EOF: on_error(info);
    default: break;
  }
}

/// More scans than any encoder writes: each is a pass over the whole picture, however few its bytes.
#define MAXIMUM_SCANS 40

static void on_progress(j_common_ptr info) {
  if (((j_decompress_ptr)info)->input_scan_number <= MAXIMUM_SCANS) return;
  error_state *state = (error_state *)info->err;
  set_message(state->message, "the picture has more than 40 scans");
  longjmp(state->escape, 1);
}

/// Refuses a progressive picture that ends before every colour has had a first scan.
static void check_scans(j_decompress_ptr info) {
  if (info->coef_bits == NULL) return;
  for (int i = 0; i < info->num_components; i++) {
    if (info->coef_bits[i][0] >= 0) continue;
    error_state *state = (error_state *)info->err;
    set_message(state->message, "the file ends before all colours");
    longjmp(state->escape, 1);
  }
}

static void start_source(j_decompress_ptr info) { (void)info; }

/// Called when all bytes are used up: libjpeg's own memory source would invent an end and fill with grey.
static boolean refuse_more(j_decompress_ptr info) {
  error_state *state = (error_state *)info->err;
  set_message(state->message, "the file is truncated");
  longjmp(state->escape, 1);
}

static void skip_bytes(j_decompress_ptr info, long count) {
  if (count <= 0) return;
  if ((size_t)count > info->src->bytes_in_buffer) refuse_more(info);
  info->src->next_input_byte += count;
  info->src->bytes_in_buffer -= (size_t)count;
}

static void end_source(j_decompress_ptr info) { (void)info; }

static void set_errors(j_decompress_ptr info, error_state *state, char *message) {
  info->err = jpeg_std_error(&state->base);
  state->base.error_exit = on_error;
  state->base.emit_message = on_message;
  state->message = message;
}

static void open_source(
  j_decompress_ptr info, struct jpeg_source_mgr *from, const uint8_t *bytes, size_t count) {
  jpeg_create_decompress(info);
  from->next_input_byte = bytes;
  from->bytes_in_buffer = count;
  from->init_source = start_source;
  from->fill_input_buffer = refuse_more;
  from->skip_input_data = skip_bytes;
  from->resync_to_restart = jpeg_resync_to_restart;
  from->term_source = end_source;
  info->src = from;
}

static int is_supported(J_COLOR_SPACE space) {
  return space == JCS_GRAYSCALE || space == JCS_YCbCr || space == JCS_RGB;
}

int cimage_jpeg_header(const uint8_t *bytes, size_t count, cimage_header *header, char *message) {
  struct jpeg_decompress_struct info;
  struct jpeg_source_mgr from;
  error_state state;
  memset(&info, 0, sizeof info);
  set_errors(&info, &state, message);
  if (setjmp(state.escape) != 0) {
    jpeg_destroy_decompress(&info);
    return 1;
  }
  open_source(&info, &from, bytes, count);
  jpeg_read_header(&info, TRUE);
  header->width = info.image_width;
  header->height = info.image_height;
  header->channels = 3;
  header->stored_row_bytes = 0;
  int supported = is_supported(info.jpeg_color_space);
  jpeg_destroy_decompress(&info);
  if (!supported) {
    set_message(message, "CMYK and other print colour spaces are not read: convert the picture to RGB");
    return 1;
  }
  return 0;
}

int cimage_jpeg_read(
  const uint8_t *bytes, size_t count, const cimage_header *header, uint8_t *pixels, char *message) {
  struct jpeg_decompress_struct info;
  struct jpeg_source_mgr from;
  struct jpeg_progress_mgr progress;
  error_state state;
  memset(&info, 0, sizeof info);
  memset(&progress, 0, sizeof progress);
  progress.progress_monitor = on_progress;
  set_errors(&info, &state, message);
  if (setjmp(state.escape) != 0) {
    jpeg_destroy_decompress(&info);
    return 1;
  }
  open_source(&info, &from, bytes, count);
  info.progress = &progress;
  jpeg_read_header(&info, TRUE);
  info.out_color_space = JCS_RGB;
  jpeg_start_decompress(&info);
  if (info.output_width != header->width || info.output_height != header->height
      || info.output_components != 3) {
    set_message(message, "the header and the pixels disagree");
    longjmp(state.escape, 1);
  }
  size_t row_bytes = (size_t)header->width * 3;
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = pixels + (size_t)info.output_scanline * row_bytes;
    jpeg_read_scanlines(&info, &row, 1);
  }
  check_scans(&info);
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return 0;
}
