import TensorRuntime

extension UNetConditions {
  /// The conditions of some of the samples, such as one half of a guided batch.
  ///
  /// What is the same for the whole batch, and so has fewer samples, stays as it is.
  func samples(_ samples: Range<Int>) -> UNetConditions {
    let all = batch
    func part(_ tensor: Tensor) -> Tensor { tensor.samples(samples, of: all) }
    var conditions = self
    conditions.prompt = prompt.map(part)
    conditions.timestepCond = timestepCond.map(part)
    conditions.imagePrompts = imagePrompts.map { $0.samples(samples, of: all) }
    conditions.controls.residuals = controls.residuals.map { $0.map(part) }
    conditions.controls.features = controls.features.map(part)
    conditions.context = context.map { $0.samples(samples) }
    return conditions
  }
}

extension ImagePrompt {
  /// The prompt as some samples of a batch see it.
  func samples(_ samples: Range<Int>, of all: Int) -> ImagePrompt {
    var prompt = self
    prompt.tokens = tokens.map { $0.samples(samples, of: all) }
    return prompt
  }
}

extension UNetContext {
  fileprivate func samples(_ samples: Range<Int>) -> UNetContext {
    func part(_ tensor: Tensor) -> Tensor { tensor.samples(samples, of: batch) }
    func part(_ source: KeyValue) -> KeyValue {
      KeyValue(key: part(source.key), value: part(source.value))
    }
    let blocks = blocks.map { block in
      BlockContext(
        text: part(block.text), firstText: block.firstText.map(part),
        images: block.images.map {
          ImageAttention(source: part($0.source), scale: $0.scale, mask: $0.mask)
        })
    }
    // Embeddings with a row for each sample are those of the whole batch; of a part they are
    // computed step by step.
    return UNetContext(
      owner: owner, blocks: blocks, addedEmbedding: addedEmbedding.map(part),
      batch: samples.count, times: times.flatMap { $0.samples == 1 ? $0 : nil })
  }
}

extension Tensor {
  /// Some samples of a batch; the tensor itself where it does not have a row for each of them.
  fileprivate func samples(_ samples: Range<Int>, of all: Int) -> Tensor {
    shape[0] == all ? slice(axis: 0, samples) : self
  }
}
