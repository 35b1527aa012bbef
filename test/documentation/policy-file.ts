/** A program that has started a domain with a policy file in the current folder. */
import { writeFileSync } from 'node:fs';
import { ServiceManager } from 'liteipc';

export const policyFile = 'shop.jsonc';
writeFileSync(policyFile, '{ "call": { "orders": { "allow": [{ "uid": 1000 }] } } }');
export const manager = await ServiceManager.start({ domain: 'watched', policyFile });
