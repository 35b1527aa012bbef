/**
 * Declares names of browsers and of Emscripten that the types of web-tree-sitter mention. This
 * project does not use them.
 */
declare namespace WebAssembly {
  type Module = object;
}
type EmscriptenModule = object;
