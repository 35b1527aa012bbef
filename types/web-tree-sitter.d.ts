/**
 * Names of browsers and of Emscripten that web-tree-sitter's own types mention and nothing here
 * uses.
 */
declare namespace WebAssembly {
  type Module = object;
}
type EmscriptenModule = object;
