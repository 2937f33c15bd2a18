import ArgumentParser

@main
struct Resgraph: ParsableCommand {}
