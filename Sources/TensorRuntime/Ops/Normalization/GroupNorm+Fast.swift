import CKernels

extension GroupNormTable {
  /// Implementations that need an instruction set, best first.
  static let fast: [Implementation<GroupNormProblem, Body>] = KernelSet.offered.map { kernels in
    Implementation(
      name: "moments_\(kernels.name)", isa: kernels.isa,
      body: { momentsGroupNorm($0, kernels: kernels) })
  }
}

/// Takes the moments of blocks of pixels that fit the second-level cache, merges them in order,
/// then scales, shifts and activates in one pass.
func momentsGroupNorm(_ call: GroupNormCall, kernels: KernelSet) {
  let table = kernels.table
  let p = call.problem
  let blockPixels = max(4, (1 << 15) / p.channels / 4 * 4)
  let blocks = (p.pixels + blockPixels - 1) / blockPixels
  let problem = ck_group_norm(
    in: call.input, out: call.output, pixels: p.pixels, channels: p.channels, groups: p.groups)
  func pixels(_ part: Int) -> Range<Int> {
    let begin = part % blocks * blockPixels
    return begin..<min(p.pixels, begin + blockPixels)
  }
  withUnsafePointer(to: problem) { problem in
    Scratch.doubles(p.batch * blocks * p.groups * 2) { moments in
      Parallel.run(count: p.batch * blocks, grain: 1, scratch: 2 * p.channels) { parts, scratch in
        for part in parts {
          let range = pixels(part)
          let means = moments + part * p.groups * 2
          table.pointee.group_norm_moments(
            problem, part / blocks, range.lowerBound, range.upperBound, means, means + p.groups,
            scratch)
        }
      }
      Scratch.floats(p.batch * p.channels * 2) { affine in
        for sample in 0..<p.batch {
          merge(
            call, moments + sample * blocks * p.groups * 2,
            counts: (0..<blocks).map { Double(pixels($0).count * p.channelsPerGroup) },
            into: affine + sample * p.channels * 2)
        }
        Parallel.run(count: p.batch * blocks, grain: 1) { parts in
          for part in parts {
            let range = pixels(part)
            let scale = affine + part / blocks * p.channels * 2
            table.pointee.scale_shift(
              problem, scale, scale + p.channels, p.activation.kernel, part / blocks,
              range.lowerBound, range.upperBound)
          }
        }
      }
    }
  }
}

/// Merges the blocks of one sample in order (Chan et al.) and writes each channel's scale and
/// shift.
private func merge(
  _ call: GroupNormCall, _ moments: UnsafePointer<Double>, counts: [Double],
  into affine: UnsafeMutablePointer<Float>
) {
  let p = call.problem
  for group in 0..<p.groups {
    var (count, mean, squares) = (0.0, 0.0, 0.0)
    for (block, added) in counts.enumerated() {
      let place = moments + block * p.groups * 2 + group
      let difference = place[0] - mean
      let total = count + added
      squares += place[p.groups] + difference * difference * count * added / total
      mean += difference * added / total
      count = total
    }
    let inverse = 1 / (squares / count + Double(p.eps)).squareRoot()
    for channel in group * p.channelsPerGroup..<(group + 1) * p.channelsPerGroup {
      let scale = inverse * Double(call.weight[channel])
      affine[channel] = Float(scale)
      affine[p.channels + channel] = Float(Double(call.bias[channel]) - mean * scale)
    }
  }
}
