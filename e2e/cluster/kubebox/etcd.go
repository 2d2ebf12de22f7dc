package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

const etcdStartLimit = time.Minute

// etcdMain runs a one-member etcd until SIGTERM or SIGINT. It does not fsync:
// a test cluster's data need not outlive the machine.
func etcdMain(args []string) int {
	flags := flag.NewFlagSet("etcd", flag.ContinueOnError)
	dataDir := flags.String("data-dir", "", "folder of the data, required")
	clientURL := flags.String("client-url", "http://127.0.0.1:2379", "where clients connect")
	peerURL := flags.String("peer-url", "http://127.0.0.1:2380", "where peers would connect")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	config, err := etcdConfig(*dataDir, *clientURL, *peerURL)
	if err != nil {
		fmt.Fprintln(os.Stderr, "etcd:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := serveEtcd(ctx, config); err != nil {
		fmt.Fprintln(os.Stderr, "etcd:", err)
		return 1
	}
	return 0
}

func etcdConfig(dataDir, clientURL, peerURL string) (*embed.Config, error) {
	if dataDir == "" {
		return nil, errors.New("--data-dir: required")
	}
	client, err := url.Parse(clientURL)
	if err != nil {
		return nil, fmt.Errorf("--client-url: %w", err)
	}
	peer, err := url.Parse(peerURL)
	if err != nil {
		return nil, fmt.Errorf("--peer-url: %w", err)
	}
	config := embed.NewConfig()
	config.Dir = dataDir
	config.ListenClientUrls = []url.URL{*client}
	config.AdvertiseClientUrls = []url.URL{*client}
	config.ListenPeerUrls = []url.URL{*peer}
	config.AdvertisePeerUrls = []url.URL{*peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	config.UnsafeNoFsync = true
	config.LogLevel = "warn"
	// Embedded, the limit is zero by default and every request is logged as slow.
	config.WarningUnaryRequestDuration = time.Second
	return config, nil
}

func serveEtcd(ctx context.Context, config *embed.Config) error {
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return err
	}
	defer etcd.Close()
	select {
	case <-etcd.Server.ReadyNotify():
	case err := <-etcd.Err():
		return err
	case <-ctx.Done():
		return nil
	case <-time.After(etcdStartLimit):
		return fmt.Errorf("not ready after %s", etcdStartLimit)
	}
	select {
	case err := <-etcd.Err():
		return err
	case <-ctx.Done():
		return nil
	}
}
