/** The form of a policy file. policy.schema.json is made from it by scripts/policy-schema.mjs. */
import { z } from 'zod';
import { serviceNamePattern } from './checks.js';

const id = z.int().min(0).max(0xffff_ffff);

const subjectKinds = {
  uid: id.describe('User ID.').optional(),
  gid: id.describe("The process's own group ID.").optional(),
  pid: id.describe('Process ID.').optional(),
  uids: z.array(id).min(1).describe('Any of these user IDs.').optional(),
  uidRange: z
    .strictObject({ from: id, to: id })
    .refine(({ from, to }) => from <= to, { message: '"from" is larger than "to"' })
    .describe('User IDs from one to the other, both included.')
    .optional(),
  executable: z
    .string()
    .regex(/^\//, { message: 'must be an absolute path' })
    .describe(
      'Absolute path of the program, without symbolic links. Advisory: an interpreter runs any script.',
    )
    .optional(),
};

const kinds = Object.keys(subjectKinds);

function named(subject: object): boolean {
  return kinds.some((kind) => (subject as Record<string, unknown>)[kind] !== undefined);
}

const someone = { message: `names nobody: give one of ${kinds.join(', ')}` };
/** The same as `named`, in JSON Schema. */
const anyKind = { anyOf: kinds.map((kind) => ({ required: [kind] })) };

const server = z.strictObject(subjectKinds).refine(named, someone).meta(anyKind);
const caller = z
  .strictObject({
    ...subjectKinds,
    methods: z
      .array(z.string().min(1))
      .min(1)
      .describe('Only these methods of the service. Absent: all.')
      .optional(),
  })
  .refine(named, someone)
  .meta(anyKind);

function listsOf<Entry extends z.ZodType>(entry: Entry) {
  return z.strictObject({
    allow: z
      .array(entry)
      .min(1)
      .describe('Those that are admitted: any of these. With it nobody else is.')
      .optional(),
    deny: z
      .array(entry)
      .min(1)
      .describe('Those that are refused, whatever else is said.')
      .optional(),
  });
}

const serviceName = z
  .string()
  .regex(serviceNamePattern, { message: 'is no name of a service: 1 to 64 of [A-Za-z0-9._:/-]' });

/** A whole policy file. */
export const policyFileSchema = z
  .strictObject({
    $schema: z.string().describe('Where this schema lies, for editors.').optional(),
    call: z
      .record(serviceName, listsOf(caller))
      .describe('By service: who may call it, or some of its methods.')
      .optional(),
    serve: z
      .record(serviceName, listsOf(server))
      .describe("By service: who may register the service's name.")
      .optional(),
  })
  .meta({
    title: 'LiteIPC policy',
    description: 'Who may call and who may serve what in a domain of LiteIPC.',
  });

/** As JSON Schema, draft 7. */
export function policyJsonSchema(): object {
  return z.toJSONSchema(policyFileSchema, { target: 'draft-7', io: 'input' });
}
