extension UNetConfig {
  /// The cross-attention layers in the order in which adapters number them: down, up, middle.
  public var crossAttentionLayers: [(path: String, width: Int)] {
    func layers(_ path: String, _ depths: [Int], _ width: Int) -> [(path: String, width: Int)] {
      depths.enumerated().flatMap { attention, depth in
        (0..<depth).map {
          ("\(path).attentions.\(attention).transformer_blocks.\($0).attn2", width)
        }
      }
    }
    let down = levels.enumerated().flatMap {
      layers("down_blocks.\($0)", $1.downDepths, $1.channels)
    }
    let up = levels.reversed().enumerated().flatMap {
      layers("up_blocks.\($0)", $1.upDepths, $1.channels)
    }
    guard case .crossAttention(let depth) = middle else { return down + up }
    return down + up + layers("mid_block", [depth], levels[levels.count - 1].channels)
  }
}
