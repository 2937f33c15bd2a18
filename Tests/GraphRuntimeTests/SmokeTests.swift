import GraphRuntime
import Testing

@Suite struct SmokeTests {
  @Test func prints() throws {
    let harness = try Harness()
    print(
      harness.problems(
        """
        version: 1
        params:
          steps: {type: int, default: 4, min: 1}
          hint: {type: path, required: true}
        nodes:
          base: {type: ModelLoad, path: small.model}
          big: {type: ModelLoad, path: larg.model, wieght: 2}
          wide: {type: Adapter-Load, model: $base, path: small.adapter}
          draw: {type: Sample, model: $wide, steps: $params.stepz, start: $base, method: fanzy}
          half: {type: Divide, number: $draw, by: 1.5}
          again: {type: Divide, number: $half}
          a: {type: Sum, numbers: [$b]}
          b: {type: Sum, numbers: [$a]}
          h: {type: ModelLoad, path: huge.model}
          no: {type: Sample, model: $h}
          late: {type: Sampel, model: $h}
        outputs:
          x: $draw
          y: $drow
        """, sets: ["steps=abc", "foo=1"]))
    print(
      harness.problems(
        """
        version: 1
        nodes:
          base: {type: ModelLoad, path: small.model}
          wide: {type: Adapter-Load, model: $base, path: small.adapter}
          draw: {type: Sample, model: $wide, steps: 4}
          half: {type: Divide, number: $draw}
        outputs:
          x: {value: $draw, path: "a-{index:02}.png"}
        """))
  }
}
