#ifndef CVOCABULARY_H
#define CVOCABULARY_H

#include <stddef.h>
#include <stdint.h>

// Constant tables for CLIP's tokenizer. Each function returns a row-major table and its number of rows.

/// CLIP's byte-pair merges, best first: columns (left id, right id). The result of row i has id 512 + i;
/// ids 0...255 are the bytes in CLIP's order, 256...511 the same bytes at the end of a word.
const uint16_t *cv_clip_merges(size_t *row_count);

/// Scalar ranges, columns (first, last).
const uint32_t *cv_letters(size_t *row_count);
const uint32_t *cv_numbers(size_t *row_count);
const uint32_t *cv_spaces(size_t *row_count);

/// Lower case of a scalar, columns (scalar, first, second or 0).
const uint32_t *cv_lowercase(size_t *row_count);

/// Full canonical decomposition without Hangul, columns (scalar, first, second or 0, third or 0, fourth or 0).
const uint32_t *cv_decompositions(size_t *row_count);

/// Primary composites without Hangul, columns (first, second, composite), sorted.
const uint32_t *cv_compositions(size_t *row_count);

/// Canonical combining classes other than 0, columns (first, last, class).
const uint32_t *cv_combining_classes(size_t *row_count);

#endif
