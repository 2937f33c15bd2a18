#ifndef CIMAGEIO_MESSAGE_H
#define CIMAGEIO_MESSAGE_H

/// Copies an error's text into the caller's CIMAGE_MESSAGE_SIZE bytes, cut where it is too long.
void set_message(char *message, const char *text);

#endif
