import ResgraphWeights
import TensorRuntime

/// Where a training is: everything that it goes on from, bit for bit.
struct TrainingState: Sendable {
  /// Steps of the optimiser so far.
  var step = 0
  /// The epoch, and the batches of it that are done.
  var epoch = 0
  var batch = 0
  var generator: TorchGenerator
  var optimizer: AdamW

  static let weightsFile = "training_state.safetensors"
  private static let version = "1"

  /// The tensors and texts that a checkpoint holds.
  func stored(_ parameters: [Parameter]) -> (tensors: [String: RawTensor], texts: [String: String])
  {
    var tensors: [String: RawTensor] = [:]
    for parameter in parameters {
      tensors["value.\(parameter.name)"] = RawTensor(
        parameter.value.floats(), shape: parameter.shape)
      guard let moments = optimizer.moments[parameter.name] else { continue }
      tensors["mean.\(parameter.name)"] = RawTensor(moments.mean, shape: parameter.shape)
      tensors["square.\(parameter.name)"] = RawTensor(moments.square, shape: parameter.shape)
    }
    var texts = [
      "version": Self.version, "step": "\(step)", "epoch": "\(epoch)", "batch": "\(batch)",
      "generator": generator.encodedState.map { byte in
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
      }.joined(),
    ]
    for (name, moments) in optimizer.moments { texts["steps.\(name)"] = "\(moments.steps)" }
    return (tensors, texts)
  }

  /// Reads a checkpoint, and sets the parameters to its values.
  ///
  /// - Throws: `TrainingError.badCheckpoint` when it is damaged or of another training.
  init(_ file: SafetensorsFile, _ parameters: [Parameter], _ options: AdamWOptions) throws {
    func bad(_ reason: String) -> TrainingError {
      .badCheckpoint(path: file.location, reason: reason)
    }
    func number(_ name: String) throws -> Int {
      guard let value = file.metadata[name].flatMap({ Int($0) }), value >= 0 else {
        throw bad("it has no \(name)")
      }
      return value
    }
    func values(_ name: String, _ shape: [Int]) throws -> [Float] {
      guard let entry = file.entry(name), entry.shape == shape else {
        throw bad("it belongs to a training of other parameters: \(name)")
      }
      return try file.tensor(name).floats()
    }
    guard file.metadata["version"] == Self.version else { throw bad("unknown format") }
    (step, epoch, batch) = (try number("step"), try number("epoch"), try number("batch"))
    guard let bytes = Self.bytes(file.metadata["generator"] ?? ""),
      let generator = try? TorchGenerator(encodedState: bytes)
    else { throw bad("its random numbers cannot be read") }
    self.generator = generator
    optimizer = AdamW(options)
    for parameter in parameters {
      let name = parameter.name
      parameter.value = Tensor(
        try values("value.\(name)", parameter.shape), shape: parameter.shape)
      guard file.entry("mean.\(name)") != nil else { continue }
      optimizer.moments[name] = AdamW.Moments(
        mean: try values("mean.\(name)", parameter.shape),
        square: try values("square.\(name)", parameter.shape), steps: try number("steps.\(name)"))
    }
  }

  init(generator: TorchGenerator, optimizer: AdamW) {
    self.generator = generator
    self.optimizer = optimizer
  }

  private static func bytes(_ text: String) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count % 2 == 0 else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let byte = UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16)
      else { return nil }
      bytes.append(byte)
    }
    return bytes
  }
}
