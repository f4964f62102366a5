/** Makes an instance of a compiled kernel; one for each thread, since a kernel's memory belongs to the call that uses it. */

/** The part of the standard object that is used here; the types of Node.js do not name it. */
interface WebAssemblyStandard {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyStandard }).WebAssembly;

/** The kernel's functions and its memory. Throws where the processor or the runtime has no vectors in WebAssembly. */
export function instantiate<Exports>(base64: string): Exports & { readonly memory: { readonly buffer: ArrayBuffer } } {
  const instance = new Instance(new Module(Buffer.from(base64, 'base64')));
  return instance.exports as Exports & { readonly memory: { readonly buffer: ArrayBuffer } };
}
