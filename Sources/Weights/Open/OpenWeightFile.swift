/// Opens a weight file by its content, whatever its name.
///
/// - Parameter path: A safetensors file or a file of `torch.save`.
/// - Returns: The opened source.
/// - Throws: `WeightError` when the file is missing, malformed, or of a format that is not read;
///   then the message names the format.
public func openWeightFile(_ path: String) throws -> any WeightSource {
  let file = try FileBytes(path: path)
  try file.checkIsData()
  switch try weightFormat(of: file) {
  case .safetensors: return try SafetensorsFile(file)
  case .torch: return try TorchFile(file)
  }
}

/// The formats that are read.
enum WeightFormat: String, Sendable {
  case safetensors
  case torch
}

/// Tells formats apart by their first bytes.
func weightFormat(of file: FileBytes) throws(WeightError) -> WeightFormat {
  let bytes = file.bytes
  if bytes.starts(with: "PK".utf8) { return .torch }
  if bytes.count >= 9, bytes[8] == UInt8(ascii: "{") { return .safetensors }
  let known: [(magic: [UInt8], meaning: String)] = [
    (Array("GGUF".utf8), "is a GGUF file, which is not read; use safetensors"),
    (Array("<!DOCTYPE".utf8), "is a web page, not weights; the download went wrong"),
    (Array("<html".utf8), "is a web page, not weights; the download went wrong"),
    ([0x89, 0x48, 0x44, 0x46], "is an HDF5 file, which is not read; use safetensors"),
    ([0x89, 0x50, 0x4E, 0x47], "is a picture, not weights"),
    ([0xFF, 0xD8, 0xFF], "is a picture, not weights"),
  ]
  for (magic, meaning) in known where bytes.starts(with: magic) {
    throw .unsupportedFormat(path: file.path, reason: meaning)
  }
  let isTorch =
    bytes[0] == 0x80 || bytes.starts(with: [0x1F, 0x8B])
    || (bytes.count >= 512 && bytes[257..<262].elementsEqual("ustar".utf8))
  if isTorch { return .torch }
  if file.path.hasSuffix(".safetensors") { return .safetensors }
  throw .unsupportedFormat(
    path: file.path, reason: "is neither a safetensors file nor a file of torch.save")
}
