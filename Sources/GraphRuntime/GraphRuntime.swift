/// The GraphRuntime module.
enum GraphRuntimeModule {}
