/** The client kit over the embedded broker, by TCP and by streams between threads. */

import { clientKit } from '../../kits/client-kit.ts';
import { startEmbeddedBroker } from './embedded-broker.ts';

clientKit('client against the embedded broker', () => startEmbeddedBroker());
clientKit('client against the embedded broker without sockets', () => startEmbeddedBroker('threads'));
