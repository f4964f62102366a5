/** The client kit over the embedded broker. */

import { clientKit } from '../../kits/client-kit.ts';
import { startEmbeddedBroker } from './embedded-broker.ts';

clientKit('client against the embedded broker', startEmbeddedBroker);
