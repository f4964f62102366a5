/**
 * The Java client with transactions, step by step: each line on standard output says what happened.
 * Arguments: bootstrap servers, input topic (two partitions), output topic.
 */

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class TransactionalClient {
    public static void main(String[] args) throws Exception {
        String bootstrap = args[0];
        String input = args[1];
        String output = args[2];
        KafkaProducer<String, String> producer = producer(bootstrap, "java-a");
        producer.initTransactions();
        for (int round = 0; round < 20; round++) {
            producer.beginTransaction();
            for (int partition = 0; partition < 2; partition++)
                producer.send(new ProducerRecord<>(input, partition, null, "line " + round + " " + partition)).get();
            if (round % 4 == 3) producer.abortTransaction();
            else producer.commitTransaction();
        }
        System.out.println("written");
        transform(bootstrap, input, output);
        fenced(bootstrap, input, producer);
        KafkaProducer<String, String> open = producer(bootstrap, "java-open");
        open.initTransactions();
        open.beginTransaction();
        open.send(new ProducerRecord<>(output, 0, null, "left open")).get();
        System.out.println("open");
        System.in.read();
        open.commitTransaction();
        open.close();
        System.out.println("done");
    }

    /** Consume, transform, produce; the offsets of the group are part of the transaction. */
    static void transform(String bootstrap, String input, String output) throws Exception {
        int count = 0;
        for (int member = 0; member < 2; member++) {
            KafkaConsumer<String, String> consumer = consumer(bootstrap);
            KafkaProducer<String, String> producer = producer(bootstrap, "java-transform");
            producer.initTransactions();
            consumer.subscribe(List.of(input));
            // The first one gives up in the middle of a transaction; the second has to do it again.
            for (int round = 0; count < 30; round++) {
                Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                producer.beginTransaction();
                int taken = 0;
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
                    producer.send(new ProducerRecord<>(output, 0, null, record.value().toUpperCase()));
                    offsets.put(
                        new TopicPartition(record.topic(), record.partition()),
                        new OffsetAndMetadata(record.offset() + 1));
                    taken++;
                }
                producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
                if (member == 0 && taken > 0 && round > 0) {
                    producer.flush();
                    break;
                }
                producer.commitTransaction();
                count += taken;
            }
            consumer.close();
            producer.close(Duration.ZERO);
        }
        System.out.println("transformed " + count);
    }

    static void fenced(String bootstrap, String input, KafkaProducer<String, String> old) {
        old.beginTransaction();
        KafkaProducer<String, String> next = producer(bootstrap, "java-a");
        next.initTransactions();
        try {
            old.send(new ProducerRecord<>(input, 0, null, "from a zombie")).get();
            old.commitTransaction();
            System.out.println("not fenced");
        } catch (Exception error) {
            Throwable cause = error.getCause() == null ? error : error.getCause();
            System.out.println("fenced by " + cause.getClass().getSimpleName());
        }
        old.close(Duration.ZERO);
        next.close();
    }

    static KafkaProducer<String, String> producer(String bootstrap, String transactionalId) {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", bootstrap);
        config.put("transactional.id", transactionalId);
        config.put("delivery.timeout.ms", 30_000);
        config.put("request.timeout.ms", 10_000);
        return new KafkaProducer<>(config, new StringSerializer(), new StringSerializer());
    }

    static KafkaConsumer<String, String> consumer(String bootstrap) {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", bootstrap);
        config.put("group.id", "java-transform");
        config.put("isolation.level", "read_committed");
        config.put("enable.auto.commit", false);
        config.put("auto.offset.reset", "earliest");
        config.put("max.poll.records", 7);
        return new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
    }
}
