import Foundation
import Testing

/// The committed picture cases, made by tools/goldens/image_cases.py.
struct ImageGoldens: Decodable {
  struct FileCase: Decodable, Sendable, CustomTestStringConvertible {
    let file: String
    let mode: String
    let width: Int?
    let height: Int?
    var testDescription: String { file }
  }
  struct ResizeCase: Decodable, Sendable, CustomTestStringConvertible {
    let file: String
    let method: String
    let fit: String
    let width: Int
    let height: Int
    var testDescription: String { file }
  }
  struct EdgeCase: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let width: Int
    let height: Int
    let low: Double
    let high: Double
    var testDescription: String { name }
  }

  let files: [FileCase]
  let resizes: [ResizeCase]
  let edges: [EdgeCase]

  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Goldens/images")

  static let all: ImageGoldens = {
    do {
      let data = try Data(contentsOf: folder.appending(path: "cases.json"))
      return try JSONDecoder().decode(ImageGoldens.self, from: data)
    } catch {
      preconditionFailure("the picture goldens cannot be read: \(error)")
    }
  }()

  static func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: folder.appending(path: name)))
  }
}

/// How many bytes differ, and by how much at most.
func difference(_ left: [UInt8], _ right: [UInt8]) -> String {
  guard left.count == right.count else { return "\(left.count) bytes against \(right.count)" }
  let gaps = zip(left, right).map { abs(Int($0) - Int($1)) }
  return "\(gaps.count { $0 > 0 }) of \(gaps.count) differ, by \(gaps.max() ?? 0) at most"
}
