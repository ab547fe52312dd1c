import { ConsoleLogger, Logger } from '@nestjs/common';

// An application of an earlier test file of this worker has put its own in its place.
Logger.overrideLogger(new ConsoleLogger());
