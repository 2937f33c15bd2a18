#!/usr/bin/env bash
# Draws the pictures at other sizes of docs/gallery.md, its nine-channel one, and those of docs/large-pictures.md: docs/pictures/make.sh [.build/release/resgraph]
set -eu
cd "$(dirname "$0")/../.."
resgraph=${1:-.build/release/resgraph}
drafts=$(mktemp -d)
trap 'rm -rf "$drafts"' EXIT

# draw GRAPH OUTPUT NAME [--set ...]: one output of a graph becomes docs/pictures/NAME.png
draw() {
  local graph=$1 output=$2 name=$3
  shift 3
  "$resgraph" run "graphs/$graph.yaml" --target "$output" "$@" -o "$drafts" --metadata none --progress none > /dev/null
  mv "$drafts/$output.png" "docs/pictures/$name.png"
  echo "docs/pictures/$name.png"
}

for size in 160x128 112x144; do
  sides=(--set "width=${size%x*}" --set "height=${size#*x}")
  for graph in controlnet t2i-adapter ip-adapter style-lora; do
    draw "$graph" grid "$graph-$size" "${sides[@]}"
  done
  draw lcm picture "lcm-$size" "${sides[@]}"
done
for size in 144x128 112x144; do
  # With seed 42 the source at 144x128 is two squares.
  sides=(--set "width=${size%x*}" --set "height=${size#*x}" --set seed=1)
  draw combinations given "combinations-given-$size" "${sides[@]}"
  draw combinations together "combinations-$size" "${sides[@]}"
done
draw elastic pair elastic
draw multidiffusion grid multidiffusion
draw resadapter/t2i_adapter comparison resadapter-t2i-adapter
draw inpaint-9-channels grid inpaint-9-channels
