import ResgraphFiles

/// The parts of a torch zip: the pickle, the storages by key, and the byte order.
struct TorchContents {
  let document: PickleDocument
  let storages: [String: ZipArchive.Entry]
  let isBigEndian: Bool

  init(_ file: FileBytes) throws(WeightError) {
    let archive: ZipArchive
    do throws(ZipFault) {
      archive = try ZipArchive(file.bytes)
    } catch {
      switch error {
      case .malformed(let reason):
        throw .malformed(path: file.path, format: "torch zip", reason: reason)
      case .unsupported(let reason): throw .unsupportedFormat(path: file.path, reason: reason)
      }
    }
    let root = try Self.root(archive, path: file.path)
    if let entry = archive.entries.values.first(where: \.isCompressed) {
      throw .unsupportedFormat(
        path: file.path,
        reason: "entry '\(entry.name)' is compressed; torch stores entries uncompressed, and only "
          + "those are read")
    }
    let pickle = try Self.content(root + "/data.pkl", archive, file)
    do throws(PickleFault) {
      document = try PickleReader.read(pickle)
    } catch {
      throw .malformed(
        path: file.path, format: "torch", reason: "pickle, byte \(error.offset): \(error.reason)")
    }
    isBigEndian = try Self.isBigEndian(root, archive, file)
    var storages: [String: ZipArchive.Entry] = [:]
    let prefix = root + "/data/"
    for entry in archive.entries.values where entry.name.hasPrefix(prefix) {
      storages[String(entry.name.dropFirst(prefix.count))] = entry
    }
    self.storages = storages
  }

  /// Finds the folder inside the zip that holds all entries.
  ///
  /// Its name is arbitrary.
  private static func root(_ archive: ZipArchive, path: String) throws(WeightError) -> String {
    let suffix = "/data.pkl"
    let roots = archive.entries.keys.filter { $0.hasSuffix(suffix) }.map {
      String($0.dropLast(suffix.count))
    }
    guard let root = roots.first, roots.count == 1 else {
      let reason =
        roots.isEmpty ? "a zip without data.pkl, not written by torch.save" : "several data.pkl"
      throw .malformed(path: path, format: "torch", reason: reason)
    }
    guard archive.entries[root + "/constants.pkl"] == nil else {
      throw .unsupportedFormat(
        path: path, reason: "is a TorchScript program, not a file of weights")
    }
    return root
  }

  /// Returns the bytes of an entry after checking them.
  private static func content(
    _ name: String, _ archive: ZipArchive, _ file: FileBytes
  ) throws(WeightError) -> UnsafeRawBufferPointer {
    guard let entry = archive.entries[name] else {
      throw .malformed(path: file.path, format: "torch", reason: "entry '\(name)' is missing")
    }
    let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[entry.range])
    guard CRC32.checksum(bytes) == entry.crc else {
      throw .malformed(
        path: file.path, format: "torch",
        reason: "entry '\(name)' is damaged: its checksum does not match")
    }
    return bytes
  }

  private static func isBigEndian(
    _ root: String, _ archive: ZipArchive, _ file: FileBytes
  ) throws(WeightError) -> Bool {
    let name = root + "/byteorder"
    guard archive.entries[name] != nil else { return false }
    let bytes = try content(name, archive, file)
    if bytes.elementsEqual("little".utf8) { return false }
    if bytes.elementsEqual("big".utf8) { return true }
    throw .malformed(
      path: file.path, format: "torch", reason: "byteorder is neither little nor big")
  }
}

/// Says which other format a file has; nil when it starts as a zip does.
func unsupportedTorchForm(_ bytes: UnsafeRawBufferPointer) -> String? {
  if bytes.starts(with: [0x50, 0x4B, 3, 4]) || bytes.starts(with: [0x50, 0x4B, 5, 6]) {
    return nil
  }
  let advice = "load it in torch and save it again with torch.save or as safetensors"
  // Files of torch before version 1.6 begin with the pickled magic number 0x1950a86a20f9469cfc6c.
  let magic: [UInt8] = [
    0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
  ]
  if bytes.starts(with: magic) {
    return "is in torch's format from before version 1.6, which is not read; \(advice)"
  }
  if bytes.count >= 512, bytes[257..<262].elementsEqual("ustar".utf8) {
    return
      "is a tar archive (torch's oldest format, or a packed folder), which is not read; \(advice)"
  }
  if bytes.starts(with: [0x1F, 0x8B]) { return "is compressed with gzip; unpack it first" }
  if bytes.count >= 2, bytes[0] == 0x80, (2...5).contains(bytes[1]) {
    return "is a bare Python pickle, not a file of torch.save; \(advice)"
  }
  return "is no torch file: it does not start like a zip"
}
