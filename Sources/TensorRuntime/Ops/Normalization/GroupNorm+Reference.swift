/// Normalises by plain loops in double precision.
func referenceGroupNorm(_ call: GroupNormCall) {
  let problem = call.problem
  let width = problem.channelsPerGroup
  let count = Double(problem.pixels * width)
  Parallel.run(count: problem.batch * problem.groups, grain: 1) { parts in
    for part in parts {
      let image = part / problem.groups * problem.pixels * problem.channels
      let channels = part % problem.groups * width..<(part % problem.groups + 1) * width
      func each(_ body: (Int, Int) -> Void) {
        for pixel in 0..<problem.pixels {
          for channel in channels { body(image + pixel * problem.channels + channel, channel) }
        }
      }
      var sum = 0.0
      each { place, _ in sum += Double(call.input[place]) }
      let mean = sum / count
      var squares = 0.0
      each { place, _ in
        let deviation = Double(call.input[place]) - mean
        squares += deviation * deviation
      }
      let scale = 1 / (squares / count + Double(problem.eps)).squareRoot()
      each { place, channel in
        let normal = (Double(call.input[place]) - mean) * scale
        let value = normal * Double(call.weight[channel]) + Double(call.bias[channel])
        call.output[place] = Float(problem.activation.reference(value))
      }
    }
  }
}
