import CKernels

extension AttentionTable {
  /// Implementations that need an instruction set, best first.
  static let fast: [Implementation<AttentionProblem, Body>] = KernelSet.offered.map { kernels in
    Implementation(
      name: "online_\(kernels.name)", isa: kernels.isa,
      body: { onlineAttention($0, kernels: kernels) })
  }
}

/// Packs keys and values once per head, then computes blocks of queries with a running softmax.
func onlineAttention(_ call: AttentionCall, kernels: KernelSet) {
  let table = kernels.table
  let p = call.problem
  let heads = p.batch * p.heads
  // Each lane of a vector holds one query, so a block is a whole number of panels of queries.
  let rows = CK_QUERY_ROWS / table.pointee.panel * table.pointee.panel
  let blocks = (p.queries + rows - 1) / rows
  let packed = table.pointee.attention_packed_floats(p.keys, p.headSize)
  Scratch.floats(packed * heads) { memory in
    let problem = ck_attention(
      query: call.query, key: call.key, value: call.value, out: call.output,
      query_stride: p.width, key_stride: p.width, value_stride: p.width, out_stride: p.width,
      samples: p.batch, heads: p.heads, head_size: p.headSize, query_count: p.queries,
      key_count: p.keys, causal: p.causal, scale: p.scale, packed: memory)
    withUnsafePointer(to: problem) { problem in
      Parallel.run(count: heads, grain: 1) { range in
        table.pointee.attention_pack(problem, range.lowerBound, range.upperBound)
      }
      let scratch = table.pointee.attention_scratch_floats(p.headSize)
      Parallel.run(count: heads * blocks, grain: 1, scratch: scratch) { range, memory in
        for index in range {
          let begin = index % blocks * rows
          let end = min(begin + rows, p.queries)
          table.pointee.attention(problem, index / blocks, begin, end, memory)
        }
      }
    }
  }
}
