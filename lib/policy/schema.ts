/** The form of a policy file. policy.schema.json is made from it by scripts/policy-schema.mjs. */
import { z } from 'zod';
import { serviceNamePattern } from '../common/arguments.js';
import { QUOTA_MAX, upstreamQuota } from './quota.js';

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

const amount = z.number().positive().max(QUOTA_MAX);
const count = z.int().min(1).max(QUOTA_MAX);
const { callsPerSecond, burst } = upstreamQuota;

const quotaKinds = {
  callsPerSecond: amount
    .describe('Requests per second in the long run, one-way messages included.')
    .optional(),
  burst: count
    .describe('How many may come at once after a pause. Absent: what 1.5 seconds bring.')
    .optional(),
  bytesPerSecond: amount.describe('Bytes of messages per second in the long run.').optional(),
  burstBytes: count
    .describe('How many bytes may come at once after a pause. Absent: what 1.5 seconds bring.')
    .optional(),
  inFlight: count.describe('Calls that the service has and has not ended.').optional(),
};

const server = z.strictObject(subjectKinds).refine(named, someone).meta(anyKind);
const methods = z
  .array(z.string().min(1))
  .min(1)
  .describe('Only these methods of the service. Absent: all.')
  .optional();
const caller = z
  .strictObject({ ...subjectKinds, methods })
  .refine(named, someone)
  .meta(anyKind);
const limited = z
  .strictObject({ ...subjectKinds, methods, ...quotaKinds })
  .refine(named, someone)
  .refine((entry) => entry.burst === undefined || entry.callsPerSecond !== undefined, {
    message: '"burst" needs "callsPerSecond"',
  })
  .refine((entry) => entry.burstBytes === undefined || entry.bytesPerSecond !== undefined, {
    message: '"burstBytes" needs "bytesPerSecond"',
  })
  .meta({
    ...anyKind,
    dependencies: { burst: ['callsPerSecond'], burstBytes: ['bytesPerSecond'] },
  });

function listsOf<Entry extends z.ZodType>(entry: Entry) {
  return {
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
  };
}

const callLists = z.strictObject({
  ...listsOf(caller),
  limit: z
    .array(limited)
    .min(1)
    .describe(
      'How much those that are admitted may use, each user for itself; who fits several has to keep all. ' +
        `Without a number: ${callsPerSecond} calls per second, ${burst} at once.`,
    )
    .optional(),
});

const serviceName = z
  .string()
  .regex(serviceNamePattern, { message: 'is no name of a service: 1 to 64 of [A-Za-z0-9._:/-]' });

/** A whole policy file. */
export const policyFileSchema = z
  .strictObject({
    $schema: z.string().describe('Where this schema lies, for editors.').optional(),
    call: z
      .record(serviceName, callLists)
      .describe('By service: who may call it, or some of its methods, and how much.')
      .optional(),
    serve: z
      .record(serviceName, z.strictObject(listsOf(server)))
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
