/// The Nodes module.
enum NodesModule {}
