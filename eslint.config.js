import js from '@eslint/js';
import stylistic from '@stylistic/eslint-plugin';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const nodeGlobals = Object.fromEntries(
  ['console', 'process', 'Buffer', 'URL', 'setTimeout', 'clearTimeout', 'performance'].map(
    (name) => [name, 'readonly'],
  ),
);

export default defineConfig([
  globalIgnores(['node_modules', 'build', 'build-*', 'dist', 'out', 'prebuilds']),
  js.configs.recommended,
  {
    plugins: { '@stylistic': stylistic },
    rules: {
      // Prettier formats code and does not wrap comments.
      '@stylistic/max-len': [
        'error',
        { code: Infinity, comments: 100, ignoreTrailingComments: true, ignoreUrls: true },
      ],
    },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.lib.json', './tsconfig.programs.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      // Programs without TypeScript pass any values, so that the code checks conditions that the
      // types exclude.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // A handler may return nothing, or a promise of nothing.
      '@typescript-eslint/no-invalid-void-type': 'off',
      // Permits t => assert(...).
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Permits numbers in messages.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
    },
  },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: { globals: nodeGlobals },
  },
]);
