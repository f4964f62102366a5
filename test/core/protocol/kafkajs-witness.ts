/** The encoders and decoders inside kafkajs, as an independent witness of the wire format. */

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

interface KafkajsEncoder {
  readonly buffer: Buffer;
}

interface KafkajsRequest {
  readonly apiKey: number;
  readonly apiVersion: number;
  encode(): Promise<KafkajsEncoder>;
}

interface KafkajsProtocol {
  readonly request: KafkajsRequest;
  readonly response: { decode(bytes: Buffer): Promise<unknown> };
}

interface KafkajsApi {
  protocol(at: { version: number }): (options: object) => KafkajsProtocol;
}

function protocolOf(api: string, version: number, options: object): KafkajsProtocol {
  return (require(`kafkajs/src/protocol/requests/${api}`) as KafkajsApi).protocol({ version })(options);
}

/** A request body as kafkajs writes it; `api` is the name of its folder. */
export async function kafkajsRequest(api: string, version: number, options: object): Promise<Buffer> {
  return (await protocolOf(api, version, options).request.encode()).buffer;
}

/** A whole request with length and header. */
export async function kafkajsFrame(
  at: { api: string; version: number; correlationId: number; clientId: string },
  options: object,
): Promise<Buffer> {
  const frame = require('kafkajs/src/protocol/request') as (options: object) => Promise<KafkajsEncoder>;
  const { request } = protocolOf(at.api, at.version, options);
  return (await frame({ correlationId: at.correlationId, clientId: at.clientId, request })).buffer;
}

/** What kafkajs reads from a response body. */
export function kafkajsResponse(api: string, version: number, body: Buffer): Promise<unknown> {
  return protocolOf(api, version, { topics: [], members: [], groupProtocols: [], groupAssignment: [] }).response.decode(
    body,
  );
}

interface AssignerProtocol {
  readonly MemberMetadata: { encode(value: object): Buffer; decode(bytes: Buffer): unknown };
  readonly MemberAssignment: { encode(value: object): Buffer; decode(bytes: Buffer): unknown };
}

/** What members of a kafkajs group tell each other. */
export const kafkajsAssigner = require('kafkajs').AssignerProtocol as AssignerProtocol;
