#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What a path leads to.
public enum FileKind: Hashable, Sendable {
  /// A regular file: bytes that end.
  case file
  /// A folder.
  case folder
  /// A pipe, with a name or without.
  case pipe
  /// A socket.
  case socket
  /// A character or block device.
  case device

  /// Reads the kind from the mode that `stat` gives.
  init(mode: mode_t) {
    switch mode & S_IFMT {
    case S_IFREG: self = .file
    case S_IFDIR: self = .folder
    case S_IFIFO: self = .pipe
    case S_IFSOCK: self = .socket
    default: self = .device
    }
  }

  /// The kind in words, with its article.
  public var name: String {
    switch self {
    case .file: "a file"
    case .folder: "a folder"
    case .pipe: "a pipe"
    case .socket: "a socket"
    case .device: "a device"
    }
  }
}
