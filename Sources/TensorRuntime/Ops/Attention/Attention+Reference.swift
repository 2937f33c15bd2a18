#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Computes attention by plain loops in double precision, one query at a time.
func referenceAttention(_ call: AttentionCall) {
  let problem = call.problem
  let size = problem.headSize
  let scale = 1 / Double(size).squareRoot()
  Parallel.run(count: problem.batch * problem.queries, grain: 1) { queries in
    for query in queries {
      let firstKey = query / problem.queries * problem.keys
      let seen = problem.causal ? query % problem.queries + 1 : problem.keys
      Scratch.doubles(seen) { scores in
        for head in 0..<problem.heads {
          let start = head * size
          var largest = -Double.infinity
          for key in 0..<seen {
            let q = call.query + query * problem.width + start
            let k = call.key + (firstKey + key) * problem.width + start
            var sum = 0.0
            for index in 0..<size { sum += Double(q[index]) * Double(k[index]) }
            scores[key] = sum * scale
            if !(scores[key] <= largest) { largest = scores[key] }
          }
          var total = 0.0
          for key in 0..<seen {
            scores[key] = exp(scores[key] - largest)
            total += scores[key]
          }
          for index in start..<start + size {
            var sum = 0.0
            for key in 0..<seen {
              sum += scores[key] * Double(call.value[(firstKey + key) * problem.width + index])
            }
            call.output[query * problem.width + index] = Float(sum / total)
          }
        }
      }
    }
  }
}
