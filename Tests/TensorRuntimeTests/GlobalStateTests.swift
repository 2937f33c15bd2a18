import Testing

/// Suites that change the thread count or watch the memory pool: one test at a time.
@Suite(.serialized) enum GlobalStateTests {}
