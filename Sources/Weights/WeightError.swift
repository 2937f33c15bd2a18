public import ResgraphFiles

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The errors of reading, matching and writing weights.
///
/// Every case says where it happened.
public enum WeightError: Error, Sendable, Equatable {
  /// A file is missing, cannot be read or written, is no regular file, or changed while it was
  /// open.
  case file(FileError)
  /// The folder `path` lacks a file that it must have.
  case partMissing(path: String, reason: String)
  /// `path` holds the small text of a Git LFS pointer in place of the weights.
  case lfsPointer(path: String)
  /// `path` breaks a rule of its format.
  case malformed(path: String, format: String, reason: String)
  /// `path` is in a format, or a form of one, that is not read.
  case unsupportedFormat(path: String, reason: String)
  /// A folder or checkpoint lacks a part, or its parts contradict each other.
  case invalidLayout(path: String, reason: String)
  /// `source` has no tensor named `key`.
  case missingTensor(source: String, key: String, nearest: String?)
  /// A tensor has another shape than the model built from it needs.
  case shapeMismatch(source: String, key: String, expected: [Int], found: [Int])
  /// A tensor exists but cannot be read (element type, or an object that is not data).
  case unsupportedTensor(source: String, key: String, reason: String)
  /// The model has no use for some tensors of the file.
  case unusedTensors(source: String, keys: [String])
  /// No key of an adapter names a module of the model it is applied to.
  case noMatchingKeys(adapter: String, target: String, examples: [String])
  /// An adapter belongs to another model; the first contradiction is given.
  case adapterMismatch(
    adapter: String, key: String, target: String, expected: [Int], found: [Int], count: Int)
  /// The model lacks some keys of an adapter of which all keys must match.
  case adapterKeysUnknown(adapter: String, keys: [String], target: String)
  /// The adapter is of a kind that is not supported.
  case unsupportedAdapter(adapter: String, reason: String)
}

extension WeightError: CustomStringConvertible {
  /// One sentence for people, naming the file, what was expected and what was found.
  public var description: String {
    switch self {
    case .file(let error) where error.isMissingFile:
      return "\(error.path): no such file or folder"
    case .file(let error): return "\(error.path): \(error.explanation)"
    case .partMissing(let path, let reason): return "\(path): \(reason)"
    case .lfsPointer(let path):
      return "\(path): is a Git LFS pointer, not the weights; run 'git lfs pull' in its repository"
    case .malformed(let path, let format, let reason):
      return "\(path): not a valid \(format) file: \(reason)"
    case .unsupportedFormat(let path, let reason): return "\(path): \(reason)"
    case .invalidLayout(let path, let reason): return "\(path): \(reason)"
    case .missingTensor(let source, let key, let nearest):
      let hint = nearest.map { "; did you mean '\($0)'?" } ?? ""
      return "\(source): no tensor '\(key)'\(hint)"
    case .shapeMismatch(let source, let key, let expected, let found):
      return "\(source): tensor '\(key)': expected shape \(expected), found \(found)"
    case .unsupportedTensor(let source, let key, let reason):
      return "\(source): tensor '\(key)': \(reason)"
    case .unusedTensors(let source, let keys):
      return "\(source): \(countText(keys.count, "tensor")) not used by the model: \(listed(keys))"
    default: return adapterDescription
    }
  }

  /// The sentence for the cases about adapters.
  private var adapterDescription: String {
    switch self {
    case .noMatchingKeys(let adapter, let target, let examples):
      return "\(adapter): none of its keys names a module of \(target) (it has \(listed(examples)))"
    case .adapterMismatch(let adapter, let key, let target, let expected, let found, let count):
      let more = count > 1 ? " (and \(count - 1) more)" : ""
      return "\(adapter): '\(key)' is for a tensor of shape \(found), but '\(target)' has shape "
        + "\(expected): the adapter belongs to another model\(more)"
    case .adapterKeysUnknown(let adapter, let keys, let target):
      return "\(adapter): \(target) has no \(listed(keys)): the adapter belongs to another model"
    case .unsupportedAdapter(let adapter, let reason): return "\(adapter): \(reason)"
    default: return "weights error"
    }
  }
}

extension WeightError {
  /// There is no file or folder at `path`.
  static func fileMissing(path: String) -> WeightError {
    .file(FileError("open", path, code: ENOENT))
  }

  /// Whether the error is that a file is missing, and not that it is wrong.
  public var isMissingFile: Bool {
    switch self {
    case .file(let error): error.isMissingFile
    case .partMissing: true
    default: false
    }
  }
}

/// Joins a count and a noun: "1 tensor", "2 tensors".
func countText(_ count: Int, _ noun: String) -> String {
  count == 1 ? "1 \(noun)" : "\(count) \(noun)s"
}

/// Lists the first few names, and says how many follow.
func listed(_ names: [String], limit: Int = 4) -> String {
  let head = names.prefix(limit).map { "'\($0)'" }.joined(separator: ", ")
  return names.count > limit ? "\(head) and \(names.count - limit) more" : head
}
