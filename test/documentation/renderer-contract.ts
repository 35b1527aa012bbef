/** The contract of the renderer of docs/calls.md. */
import { defineService, method } from 'liteipc';

export interface Scene {
  readonly parts: readonly string[];
}

export const Renderer = defineService('renderer', { render: method<Scene, undefined>() });
