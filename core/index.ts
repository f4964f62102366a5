/** The door of core: a broker, and the reference of what it speaks. */

export { renderApiTable } from './broker/api-table.ts';
export { type Broker, startBroker } from './broker/broker.ts';
export type { BrokerOptions } from './broker/broker-options.ts';
