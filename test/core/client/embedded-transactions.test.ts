/** The transaction kit over the embedded broker. */

import { transactionKit } from '../../kits/transaction-kit.ts';
import { startEmbeddedBroker } from './embedded-broker.ts';

transactionKit('transactions against the embedded broker', startEmbeddedBroker);
